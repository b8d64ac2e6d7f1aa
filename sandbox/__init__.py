"""A Slack workspace on one's own machine: the demo, the pretend Slack of the tests, the rehearsal room for drills."""
