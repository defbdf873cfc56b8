"""Starting and stopping the embedded servers, and the simulated bank.

Holds what lets one machine run the whole engine without installing a server. Must never be imported by the engine itself.
"""
