"""Enemies: whatever comes from outside is drawn, bent and judged."""
