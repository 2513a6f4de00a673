"""The secrets that Airflow makes, or that are made for it; rows of the inventory."""

from __future__ import annotations

from components.airflow.configuration import KEYS_OF
from components.airflow.names import API_SERVER, object_name
from tests.environment.searches import FILE, OUTPUT, TABLE
from tests.environment.secret_rows import (
    KEPT_BY_AWS,
    POD,
    SOMETIMES,
    WITH_AIRFLOW,
    Belongs,
    Secret,
    in_secret,
)


def _key(key: str, made: str, ends: str) -> Secret:
    return Secret(
        name=f"Airflow's {key} key",
        maker=f"the function for Airflow's keys: {made}",
        on_aws="Secrets Manager, encrypted with the keys' own KMS key; files in memory of pods",
        readers="the roles of the components that need it: "
        + ", ".join(name for name, keys in KEYS_OF.items() if key in keys),
        ends=ends,
        places=(
            KEPT_BY_AWS,
            in_secret(f"airflow/*/keys/{key}"),
            *(
                Belongs(
                    kind=FILE,
                    where=f"pods/{object_name(component)}/volumes/keys/{key}",
                    reason="Airflow reads it there; the volume is in memory on a cluster",
                    seen=WITH_AIRFLOW,
                )
                for component, keys in KEYS_OF.items()
                if key in keys
            ),
        ),
    )


OF_AIRFLOW = (
    _key(
        "fernet",
        "32 random bytes",
        "when it is rotated: everything is encrypted with the next one by then",
    ),
    _key("jwt", "an Ed25519 key", "when it is rotated, a day after the next one has begun to sign"),
    _key("api", "32 random bytes", "when it is rotated; who is just logging in begins anew"),
    Secret(
        name="token of a task",
        maker="the scheduler, for one try of one task; the API server renews it",
        on_aws="an argument of the task's container, in the pod's spec",
        readers="the task's pod; whoever may read pods in the namespace",
        ends="after 20 minutes, and with the task",
        places=(
            Belongs(
                kind=FILE,
                where="pods/workflow-*/workload-base.json",
                reason="an argument would be shown to all users of the machine",
                seen=WITH_AIRFLOW,
            ),
            Belongs(
                kind=FILE,
                where=".local/cluster/pods/workflow-*.json",
                reason="the cluster's memory of the pod's spec",
                seen=WITH_AIRFLOW,
            ),
        ),
        seen=WITH_AIRFLOW,
    ),
    Secret(
        name="token of a user of the web interface",
        maker="the API server, when somebody logs in",
        on_aws="the user's browser",
        readers="the user",
        ends="after a day",
        places=(),
        seen=WITH_AIRFLOW,
    ),
    Secret(
        name="password of the web interface's user",
        maker="Airflow's simple auth manager, which is for this machine alone",
        on_aws="nowhere: settings name another auth manager",
        readers="whoever may read the API server's log, and `make password`",
        ends="with the pod",
        places=(
            Belongs(
                kind=FILE,
                where="pods/airflow-api-server/containers/api-server/log",
                reason="Airflow tells it there, once",
                seen=WITH_AIRFLOW,
            ),
            Belongs(
                kind=FILE,
                where="pods/airflow-api-server/volumes/home/simple_auth_manager_passwords.*",
                reason="Airflow remembers it there",
                seen=WITH_AIRFLOW,
            ),
            Belongs(
                kind=OUTPUT,
                where="password",
                reason="the command is there to show it",
                seen=WITH_AIRFLOW,
            ),
        ),
        seen=WITH_AIRFLOW,
    ),
    Secret(
        name="keys that Airflow writes into its default configuration",
        maker="Airflow, in each pod, where no configuration is; settings in variables replace them",
        on_aws="the pod's own home directory",
        readers="the pod's user",
        ends="with the pod; no other process knows them",
        places=(
            Belongs(
                kind=FILE,
                where=f"{POD}/home/airflow.cfg",
                reason="Airflow writes its defaults there",
                seen=WITH_AIRFLOW,
            ),
        ),
        seen=WITH_AIRFLOW,
    ),
    Secret(
        name="value that Airflow has encrypted",
        maker=f"Airflow, with the fernet key; the {object_name(API_SERVER)} shows none",
        on_aws="tables of the metadata database",
        readers="components that hold the fernet key",
        ends="with its row",
        places=tuple(
            Belongs(
                kind=TABLE,
                where=f"*-metadata/airflow_*.{table}",
                reason="a column that Airflow encrypts",
                seen=SOMETIMES,
            )
            for table in ("connection", "trigger", "variable")
        ),
        seen=SOMETIMES,
    ),
)
