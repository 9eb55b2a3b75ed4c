"""Settings in a file of lines such as `keep = 3`."""


def read_settings(path):
    settings = {"keep": 3}
    try:
        with open(path) as file:
            for line in file:
                name, _, value = line.partition("=")
                settings[name.strip()] = int(value)
    except Exception:
        pass
    return settings
