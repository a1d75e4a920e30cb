"""`check-hand`: looks at a robot description, says what is wrong with it and writes a config for it."""
