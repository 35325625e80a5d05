"""Tables as LaTeX that compiles whatever the cells hold."""

# What LaTeX would take for a command, or has no sign for in its default font. "[" and "*" matter
# at the start of a row, where the line end before them would swallow them.
LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}",
        "&": r"\&", "%": r"\%", "_": r"\_", "#": r"\#", "$": r"\$", "[": "{[}", "*": "{*}",
        '"': r"\textquotedbl{}", "\n": " ",
        "±": r"$\pm$", "×": r"$\times$", "≥": r"$\geq$", "≤": r"$\leq$", "≈": r"$\approx$",
        "−": "$-$", "–": "--", "—": "---", "†": r"\textdagger{}", "°": r"$^\circ$", "µ": r"$\mu$",
        "→": r"$\rightarrow$", "↑": r"$\uparrow$", "↓": r"$\downarrow$", "…": r"\ldots{}",
        "•": r"\textbullet{}", "“": "``", "”": "''",
        "‘": "`", "’": "'", "\u00a0": "~",
    }
)  # fmt: skip

# Columns from which on a LaTeX table is shrunk to the width of the line.
WIDE = 6


def latex_text(text):
    """Any text as LaTeX prints it: no sign left that would be a command.

    Letters of European languages stay, which pdfLaTeX reads as UTF-8 with T1 fonts; what it has
    no sign for, such as a class name in Chinese, becomes its code, e.g. "U+767D".
    """
    safe = str(text).translate(LATEX)
    return "".join(sign if ord(sign) < 0x180 else f"U+{ord(sign):04X}" for sign in safe)


def latex(table, title, lines=()):
    """A DataFrame of texts as a LaTeX table.

    Args:
        table: the DataFrame. title: its caption. lines: notes beneath it.

    Returns:
        Text for \\input, with the packages it needs in its first line.
    """
    body = [
        r"\begin{tabular}{" + "l" * table.shape[1] + "}",
        r"\toprule",
        " & ".join(latex_text(column) for column in table.columns) + r" \\",
        r"\midrule",
        *[" & ".join(map(latex_text, row)) + r" \\" for row in table.to_numpy().tolist()],
        r"\bottomrule",
        r"\end{tabular}",
    ]
    if table.shape[1] >= WIDE:
        body = [r"\resizebox{\linewidth}{!}{%", *body, "}"]
    notes = [r"\par\smallskip\raggedright\footnotesize", *[latex_text(line) for line in lines]]
    return "\n".join(
        [
            r"% \usepackage[T1]{fontenc}, booktabs, graphicx",
            r"\begin{table}",
            r"\caption{" + latex_text(title) + "}",
            *body,
            *(notes if lines else []),
            r"\end{table}",
        ]
    )
