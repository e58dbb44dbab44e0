"""Default risk scores with exact reasons and early warning for loan guarantors."""
