"""Ctrl-C while a call hangs: the run ends at once, with pytest's own exit code, and everything is put back."""

from __future__ import annotations

import pytest

SHOP = """
    import pathlib
    import queue
    import threading
    import asyncio

    def ready():
        pathlib.Path("ready").touch()

    def charge():
        return "receipt"

    async def charge_soon():
        return "receipt"

    ORIGINALS = (charge, charge_soon)

    def pay():
        ready()
        return charge()

    def pay_and_retry_for_ever():
        while True:
            try:
                return pay()
            except:
                continue

    def pay_in_a_thread():
        answers = queue.Queue()
        threading.Thread(target=lambda: answers.put(pay()), daemon=True).start()
        return answers.get()

    async def pay_soon():
        ready()
        return await charge_soon()

    def pay_async():
        asyncio.run(pay_soon())
"""


@pytest.mark.parametrize("how", ["pay", "pay_and_retry_for_ever", "pay_in_a_thread", "pay_async"])
def test_ctrl_c_in_a_hang(inner, how):
    """Nothing of the budget is waited for, also when the system swallows the interrupt and calls again."""
    inner.write("shop.py", SHOP)
    inner.write(
        "conftest.py",
        """
        import threading
        import time
        import shop

        # Something goes on beside the hang; else it is proved, and over, before Ctrl-C is pressed.
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()  # ends with the process

        def pytest_unconfigure():
            print("restored:", (shop.charge, shop.charge_soon) == shop.ORIGINALS)
        """,
    )
    inner.write(
        "test_it.py",
        f"""
        import pytest, shop

        @pytest.mark.chaos("shop:charge = hang; shop:charge_soon = hang")
        def test_hangs():
            shop.{how}()

        def test_never_run():
            print("went on")
        """,
    )

    code, output, seconds = inner.interrupt("-s", "--chaos-hang-budget=20", until=inner.path / "ready")

    assert code == pytest.ExitCode.INTERRUPTED, output
    assert "KeyboardInterrupt" in output
    assert "restored: True" in output
    assert "went on" not in output
    assert "INTERNALERROR" not in output
    assert seconds < 5, output


def test_ctrl_c_in_a_delay(inner):
    """A delay is left as well."""
    inner.write("shop.py", SHOP)
    inner.write(
        "test_it.py",
        """
        import pytest, shop

        @pytest.mark.chaos("shop:charge = delay(20)")
        def test_waits():
            shop.pay()
        """,
    )

    code, output, seconds = inner.interrupt("-s", until=inner.path / "ready")

    assert code == pytest.ExitCode.INTERRUPTED, output
    assert seconds < 5, output
