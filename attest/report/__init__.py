"""The reports that the public, the press and the regulator read: a month as page and PDF, and the site of all months.

A verified month is turned into a view, plain values without language (`month`, `view`). Pages (`html`), the PDF
(`pdf`), the site (`site`) and tables for analysts (`history`) are made from views alone, so that all say one thing.
"""
