"""Where pytest finds the plugin when ecirun is installed (entry point `pytest11`).

pytest refuses a plugin that comes under two names, but not one that is asked for twice: so `-p ecirun.pytest_plugin`, which a
project needs that has ecirun only on its path, does no harm where it is installed.
"""

pytest_plugins = ["ecirun.pytest_plugin"]
