"""Saved states of jobs, which let another attempt go on from there.

`workspaces` are the directories of attempts, in which their work saves how far it has come. A new attempt takes over
what an earlier one has saved (`adoption`). Where machines share an object store, `state_sharing` puts it there, so that
the next attempt may be at another machine.
"""
