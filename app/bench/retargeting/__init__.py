"""bench retarget: our retargeting beside its peers, on the same poses, in one run."""
