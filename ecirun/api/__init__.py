"""The Python API. Its public names are those of the package `ecirun`, which imports them from here when they are used."""
