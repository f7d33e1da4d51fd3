# SPDX-License-Identifier: Apache-2.0
# la_embed(TARGET symbol file): the file's text as `const char symbol[]`, NUL-terminated.
# The bytes are written as numbers, so any content is safe.
function(la_embed target symbol file)
    set(out ${CMAKE_CURRENT_BINARY_DIR}/${symbol}.c)
    get_filename_component(path ${file} ABSOLUTE)
    add_custom_command(OUTPUT ${out} DEPENDS ${path} ${CMAKE_SOURCE_DIR}/cmake/embed.cmake
        COMMAND ${CMAKE_COMMAND} -DIN=${path} -DOUT=${out} -DSYMBOL=${symbol}
            -P ${CMAKE_SOURCE_DIR}/cmake/embed.cmake
        COMMENT "Embedding ${file}" VERBATIM)
    target_sources(${target} PRIVATE ${out})
endfunction()
