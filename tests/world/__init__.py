"""What tests share: processes that stand ready, and exchanges that attested."""
