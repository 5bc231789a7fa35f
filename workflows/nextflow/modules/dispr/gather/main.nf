process DISPR_GATHER {
    tag "${meta.id}"
    label 'process_low'

    input:
    tuple val(meta), path(parts), path(cells)

    output:
    tuple val(meta), path("${prefix}"), emit: prediction
    path 'versions.yml', emit: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    prefix = task.ext.prefix ?: "${meta.id}"
    // Exit code 3: done, but for some cells, which failures.csv lists.
    """
    dispr gather ${parts} -o "${prefix}" --data "${cells}" ${args} || [ \$? -eq 3 ]

    cat <<-END_VERSIONS > versions.yml
    "${task.process}":
        dispr: \$(dispr --version | sed 's/.* //')
    END_VERSIONS
    """

    stub:
    prefix = task.ext.prefix ?: "${meta.id}"
    """
    mkdir "${prefix}"
    touch "${prefix}/prediction.json" versions.yml
    """
}
