" The Phyla language: body plans of neural encoders, and how they are searched.

if exists("b:current_syntax")
  finish
endif

syntax match phylaOperator "|>\|->\|\.\.=\|[<>=!]=\|[-+*@<>=]"
syntax match phylaCall "\<\h\w*\ze[ \t]*("
syntax match phylaField "\<\h\w*\(\.\h\w*\)*\ze\s*=\(=\)\@!"
syntax match phylaHole "\.\@1<!\<\(choose\|dag\|repeat\)\>\ze\s*[({]"
syntax match phylaType "\.\@1<!\<graph\>\ze\s*(\|\<index\>\ze\s*\["
syntax match phylaConstant "\<\(true\|false\|none\)\>\(\s*=\(=\)\@!\)\@!"
syntax match phylaNumber "\<\d\(_\?\d\)*\(\.\d\(_\?\d\)*\)\?\([eE][+-]\?\d\+\)\?\( \?\(%\|\(steps\|epochs\|generations\|ms\|min\|s\|h\|KiB\|MiB\|GiB\|K\|M\|G\)\>\)\)\?"
syntax match phylaRequire "\<require\>\ze[ \t]\+=\@!"
syntax match phylaAs "\<as\>\ze\s\+\h"

" A kind is one only where a name or a title follows; elsewhere it is a name like any other.
syntax match phylaKind "^\s*\(primitive\|op\|ops\|graph\|space\|architecture\|model\|corpus\|mutation\|search\|evaluate\|train\|task\|suite\|experiment\|test\)\>\ze\s\+[A-Za-z_\"]" nextgroup=phylaName skipwhite
syntax match phylaName "\h\w*" contained
syntax match phylaUse "^\s*use\>\ze\s\+[A-Za-z_\"]" nextgroup=phylaModule skipwhite
syntax match phylaModule "\h\w*\(\.\h\w*\)*" contained

syntax match phylaEscape "\\[\"\\nt]" contained
syntax region phylaString start=+"+ skip=+\\.+ end=+"\|$+ contains=phylaEscape,@Spell oneline

syntax keyword phylaTodo TODO FIXME contained
syntax match phylaComment "//.*$" contains=phylaTodo,@Spell
syntax match phylaDoc "//!.*$\|////\@!.*$" contains=phylaTodo,@Spell

highlight default link phylaKind Structure
highlight default link phylaName Type
highlight default link phylaUse Include
highlight default link phylaModule Identifier
highlight default link phylaAs Include
highlight default link phylaType Type
highlight default link phylaHole Repeat
highlight default link phylaRequire Statement
highlight default link phylaField Identifier
highlight default link phylaCall Function
highlight default link phylaConstant Constant
highlight default link phylaNumber Number
highlight default link phylaString String
highlight default link phylaEscape SpecialChar
highlight default link phylaOperator Operator
highlight default link phylaTodo Todo
highlight default link phylaComment Comment
highlight default link phylaDoc SpecialComment

let b:current_syntax = "phyla"
