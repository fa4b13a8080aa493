"""The files that builds are signed with, read without asking anybody, within bounds whatever they hold."""
