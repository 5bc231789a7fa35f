process DISPR_PREDICT {
    tag "${meta.id}, shard ${shard}/${total}"
    label 'process_medium'

    input:
    tuple val(meta), path(cells), val(shard), val(total)

    output:
    tuple val(meta), path("${prefix}_${shard}"), emit: part
    path 'versions.yml', emit: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    prefix = task.ext.prefix ?: "${meta.id}"
    // Exit code 3: done, but for some cells, which failures.csv lists.
    """
    dispr predict "${cells}" -o "${prefix}_${shard}" --shard ${shard}/${total} \\
        --no-report ${args} || [ \$? -eq 3 ]

    cat <<-END_VERSIONS > versions.yml
    "${task.process}":
        dispr: \$(dispr --version | sed 's/.* //')
    END_VERSIONS
    """

    stub:
    prefix = task.ext.prefix ?: "${meta.id}"
    """
    mkdir "${prefix}_${shard}"
    touch "${prefix}_${shard}/prediction.json" versions.yml
    """
}
