"""Commands of the exchange: what it reads, builds, asks for and attests."""
