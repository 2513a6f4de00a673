"""The Pulumi program: load the settings, declare the platform, export what it tells."""

import pulumi

from stacks import platform, settings

try:
    exports = platform.declare(settings.from_pulumi(), stack=pulumi.get_stack())
except settings.SettingsError as error:
    # Pulumi shows the text of a RunError as it is, and any other exception with its traceback.
    raise pulumi.RunError(str(error)) from None

for name, value in exports.items():
    pulumi.export(name, value)
