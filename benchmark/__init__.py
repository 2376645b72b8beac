"""The tool: command line, plan and execution."""
