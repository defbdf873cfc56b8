"""Versioned rule packs and the rules as pure functions: facts and a pack in, findings or values out.

Nothing here looks at a clock, a network, a database or Temporal. A rule that refuses says which rule it is, where the fault lies,
where the rule comes from and what to do next; every rule reports all unmet conditions at once.
"""
