"""Write a module in which many functions make the same mistake: none of them thinks of an empty answer."""

import sys
from pathlib import Path

FUNCTION = """

def price_of_item_{0}():
    return bank.fetch("item {0}")["price"]
"""

Path("stock.py").write_text("import bank\n" + "".join(FUNCTION.format(number) for number in range(int(sys.argv[1]))))
