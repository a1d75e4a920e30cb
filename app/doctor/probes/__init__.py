"""What is asked in a process of its own, for it may crash, abort or hang; each answers with lines of JSON."""
