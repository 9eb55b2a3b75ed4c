"""A shop whose features are switched on and off by a flag service."""

import time

from flagsmith import Flagsmith

REFRESH_S = 0.1


class Features:
    def __init__(self, address):
        self._client = Flagsmith(
            environment_key="ser.shop",
            api_url=address,
            enable_local_evaluation=True,
            environment_refresh_interval_seconds=REFRESH_S,
        )

    def wait(self, patience_s):
        """Give the first download some time; as long as it has not come, every question is one to the service."""
        end = time.monotonic() + patience_s
        while self._client._environment is None and time.monotonic() < end:
            time.sleep(0.005)  # until the first download is there

    def is_on(self, feature):
        return self._client.get_environment_flags().is_feature_enabled(feature)

    def close(self):
        poller = self._client.environment_data_polling_manager_thread
        poller.stop()
        poller.join()
        self._client.session.close()
