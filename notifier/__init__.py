"""Tells the world outside what happens in a cluster: webhooks, MQTT, Home Assistant."""
