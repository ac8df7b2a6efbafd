"""A capture file through the core, without server, database or Django: report, JSON, and steps for imports.

    result = run(path)                     # run.py: everything at the end
    for step in Replay(path).steps(): …    # replay.py: updates and records in bounded batches, for imports
    build(result)                          # document.py: the JSON
    print_report(result, console)          # report.py

`monitor.analyze.cli.main` is `offhook analyze`.
"""
