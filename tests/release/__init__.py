"""What is tried before a release, because it takes longer than CI may: every fault, at every point."""
