"""Readers of recordings: bags and public data sets, all yielding the values of `types`."""
