"""Image → value: what one image shows, without the map."""
