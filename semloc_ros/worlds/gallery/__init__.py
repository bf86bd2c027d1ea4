"""The gallery: rooms hung with paintings."""
