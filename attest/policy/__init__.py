"""What the law asks an exchange to hold: rule sets as data, evaluated into verdicts with their reasons."""
