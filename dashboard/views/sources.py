"""Sources, accounts and peers: what is wrong with them that no single call or registration tells."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from dashboard.views import lists
from monitor import queries


def source_list(request: HttpRequest) -> HttpResponse:
    """The findings that cross Call-IDs, newest first; of one `?name=`, of one capture file by `?import=`."""
    import_id = lists.number(request.GET.get("import", "")) or 0
    name = request.GET.get("name", "")[:512].replace("\0", "")
    rows, total = queries.subjects(import_id, name)
    words = {"name": name}
    if import_id and (imported := queries.imported(import_id)):
        words["import"] = f"Import: {imported['name']}"
    context = {
        "rows": rows,
        "total": total,
        "import_id": import_id,
        "chips": lists.chips(request, words),
        "is_live": not import_id,
    }
    part = request.headers.get("HX-Target") == "rows"
    return render(request, "dashboard/sources/rows.html" if part else "dashboard/sources/list.html", context)
