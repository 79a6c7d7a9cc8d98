"""The panels that the boards share, and their frame: the only package that knows the Grafana Foundation SDK.

Core panels only, with the options that Grafana 9.4 to 13 have in common.
"""
