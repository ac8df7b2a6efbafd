"""The ladder of a record, as a pure value and its drawings: SVG for pages, text, HTML for mails.

    ladder = lay_out(events, findings, aliases={"10.0.0.2": "proxy-1"})     # layout.py
    draw(ladder) · draw_parts(ladder) · draw_mini(excerpt(ladder))          # svg.py
    write(ladder, width=100)                                                # text.py
    write_html(excerpt(ladder))                                             # mail.py

Pure: no I/O, no clock. Message content is hostile until it went through `words.clean`, and every
drawing escapes what it prints.
"""
