"""The view of a month: plain values from which the page, the PDF and the site are drawn, so that all say one thing.

Nothing here depends on a language, a clock or the machine. Keys such as `proven` or `MET` become words in
`attest.report.words`; a text that an exchange, a bank or an auditor wrote stays as it was signed.
"""
