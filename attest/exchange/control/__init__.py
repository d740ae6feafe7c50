"""Control as the exchange shows it: keys are asked to sign, and what comes back becomes evidence."""
