"""The months of a history in a row of the calendar, and the plots and tables made from them."""
