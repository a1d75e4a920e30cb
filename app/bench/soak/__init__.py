"""Whether the live pipeline holds out: hours of a looping hand under random faults, its process watched."""
