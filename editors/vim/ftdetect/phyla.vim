autocmd BufRead,BufNewFile *.phyla setfiletype phyla
