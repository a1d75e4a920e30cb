"""Hand motion for training: a bank of real poses, an endless generator, the detector's habits as noise."""
