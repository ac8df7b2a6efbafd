# ruff: noqa: N999 - Django's names
"""Two columns more."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """What was there before is of old origin; whoever writes a row says of which it is."""

    dependencies = [("monitor", "0002_dead_letter_loss")]  # noqa: RUF012 - Django's
    operations = [  # noqa: RUF012 - as above
        migrations.AddField("messagechunk", "origin", models.TextField(default="old")),
        migrations.AddField("delivery", "origin", models.TextField(default="old")),
    ]
