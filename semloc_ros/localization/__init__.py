"""From one image and a map to a pose with its covariance, or the reason why there is none."""
