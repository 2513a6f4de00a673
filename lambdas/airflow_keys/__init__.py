"""The function that puts the first values of Airflow's own keys into Secrets Manager."""
