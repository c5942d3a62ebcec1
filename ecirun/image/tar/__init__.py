"""Tar archives as streams: read without trust, written so that the bytes depend on nothing but the tree."""
