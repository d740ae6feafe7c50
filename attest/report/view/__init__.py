"""The view of a month: plain values, from which the page and the PDF are drawn, so that both say one thing.

Nothing here depends on a language, a clock or the machine. Words for keys such as `proven` or `MET` are those of
`attest.report.words`; a text that an exchange, a bank or an auditor wrote stays as it was signed.
"""
