"""SE(3), pose uncertainty and cameras with distortion: numpy in, numpy out, vectorized."""
