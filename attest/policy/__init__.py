"""What the law asks to be held in reserve: rule sets as data, and verdicts with reasons."""
