// Colours Phyla's code blocks in the book. Without it they are plain.
(() => {
    if (typeof hljs === "undefined") return;
    const kinds = "primitive|op|ops|graph|space|architecture|model|corpus|mutation|search|evaluate|train|task|suite|experiment|test";
    hljs.registerLanguage("phyla", () => ({
        name: "Phyla",
        contains: [
            hljs.COMMENT("//", "$"),
            { className: "string", begin: '"', end: '"', contains: [{ begin: "\\\\." }] },
            { className: "keyword", begin: `^(use|${kinds})\\b` },
            { className: "keyword", begin: "\\b(graph(?=\\s*\\()|choose|dag|repeat|tie|per_head)\\b" },
            { className: "keyword", begin: "^\\s*require\\b" },
            { className: "literal", begin: "\\b(true|false)\\b" },
            { className: "number", begin: "\\b\\d[\\d_]*(\\.\\d+)?(e[-+]?\\d+)?(%|[KMG]\\b)?" },
        ],
    }));
    for (const name of ["phyla", "phyla-fragment", "phyla-error"]) {
        for (const block of document.querySelectorAll(`code.language-${name}`)) {
            block.innerHTML = hljs.highlight("phyla", block.textContent).value;
        }
    }
})();
