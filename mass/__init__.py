"""The mass test: the standard library's own tests, plainly and with every function of the tested package spliced."""
