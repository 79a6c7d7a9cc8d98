"""Panels without a time axis: scatter plot, histogram, text, list of boards."""

from __future__ import annotations

from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard, dashboardlist, histogram, text
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import text as text_models

from dashboards.influxql import Query
from dashboards.links import TAG
from dashboards.palette import Colour
from dashboards.panels.card import Card, Place, SdkObject, dress, placed


def scatter(card: Card, query: Query, x: str, y: str, colour: Colour) -> SdkObject:
    """One column against another as points.

    The options are those of Grafana 9.4 to 11.0. Later versions read them through the panel's own migration, which
    runs as long as no plugin version is given and `custom` is there; the SDK's builder writes only the later form.
    """
    series = {"x": x, "y": y, "pointColor": {"fixed": colour}, "pointSize": {"fixed": 3}}
    panel = dress(dashboard.Panel(), card, [query]).type("xychart")
    panel.custom({"show": "points", "pointSize": {"fixed": 3}})
    return panel.options(
        {
            "seriesMapping": "manual",
            "dims": {"frame": 0},
            "series": [series],
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False, "calcs": []},
            "tooltip": {"mode": "single", "sort": "none"},
        }
    )


def lengths(card: Card, query: Query, *, bucket_size: float, colour: Colour) -> SdkObject:
    """How often values fall into each bucket of a size."""
    panel = dress(histogram.Panel(), card, [query]).bucket_size(bucket_size).fill_opacity(70).line_width(0)
    panel.color_scheme(dashboard.FieldColor().mode(models.FieldColorModeId.FIXED).fixed_color(colour))
    legend = common_builders.VizLegendOptions().show_legend(show_legend=False)
    return panel.legend(legend.calcs([]))


def words(title: str, description: str, markdown: str, place: Place) -> SdkObject:
    """A few sentences."""
    panel = placed(text.Panel(), title, description, place)
    return panel.mode(text_models.TextMode.MARKDOWN).content(markdown)


def board_list(title: str, description: str, place: Place) -> SdkObject:
    """All boards of ours; nobody is taken along, since a board of one person would find nobody in "All"."""
    panel = placed(dashboardlist.Panel(), title, description, place)
    panel.show_search(show_search=True).show_starred(show_starred=False).show_recently_viewed(
        show_recently_viewed=False
    )
    panel.show_headings(show_headings=False).tags([TAG]).max_items(20).query("")
    return panel.keep_time(keep_time=False).include_vars(include_vars=False)
