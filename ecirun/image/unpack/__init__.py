"""Layers → a root file system. Layers are hostile: nothing here trusts a path, a size or an order."""
