"""Computing with torch: tensors in, tensors out. Nothing else of the package needs torch."""
